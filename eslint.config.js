import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';

/** Who may import whom (see docs/architecture.md). A folder not listed may import everything. */
const arrows = {
  core: [],
  memory: ['core'],
  tensorflow: ['core', 'memory'],
  rpc: ['core'],
  stream: ['core', 'memory'],
  checkpoints: ['stream', 'memory', 'core'],
  'engines/runtime': ['stream', 'memory', 'core'],
  'engines/embedded': ['engines/runtime', 'stream', 'memory', 'core'],
  'engines/flink': ['engines/runtime', 'stream', 'memory', 'core'],
  connectors: ['stream', 'memory', 'core'],
  'ml-framework': ['stream', 'tensorflow', 'rpc', 'memory', 'core'],
  'roles/am': ['ml-framework', 'rpc', 'tensorflow', 'memory', 'core'],
  'roles/worker': ['ml-framework', 'rpc', 'tensorflow', 'memory', 'core'],
  'roles/ps': ['ml-framework', 'rpc', 'tensorflow', 'memory', 'core'],
  inference: ['stream', 'tensorflow', 'memory', 'core'],
  observability: ['core'],
};

const zones = Object.entries(arrows).map(([folder, allowed]) => ({
  target: `./src/${folder}`,
  from: './src',
  except: [folder, ...allowed].map((name) => `./${name}`),
  message: `src/${folder} may import only: ${allowed.join(', ') || 'nothing of ours'}.`,
}));
zones.push({ target: './src/testing', from: './src/cli', message: 'src/testing may not import the command line.' });

/** Packages that have one importer. */
const soleImporters = [
  ['@tensorflow/*', 'src/tensorflow/eager'],
  ['@grpc/*', 'src/rpc'],
  ['grpc-health-check', 'src/rpc'],
  ['koffi', 'src/tensorflow/native'],
  ['kafkajs', 'src/connectors/kafka'],
  ['aws4fetch', 'src/checkpoints'],
  ['prom-client', 'src/observability'],
  ['fastify', 'src/observability'],
  ['commander', 'src/cli'],
  ['piscina', 'src/engines/embedded'],
];

const restricted = (allowedFor) =>
  soleImporters
    .filter(([, folder]) => folder !== allowedFor)
    .map(([group, folder]) => ({ group: group.endsWith('*') ? [group] : [group, `${group}/*`], message: `only ${folder} imports this package` }));

const sizeRules = {
  'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
};

export default tseslint.config(
  { ignores: ['dist/**', 'out/**', 'node_modules/**', 'src/rpc/generated/**', 'test/python/**', 'eslint.config.js', '**/*.cjs', '**/*.mjs'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'off',
      'no-restricted-imports': ['error', { patterns: restricted(undefined) }],
      eqeqeq: 'error',
    },
  },
  { files: ['src/**/*.ts'], rules: sizeRules },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**', 'src/core/logger.ts'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'the environment is read only in src/cli' }],
      'no-console': 'error',
    },
  },
  ...soleImporters.map(([, folder]) => ({
    files: [`${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns: restricted(folder) }] },
  })),
  // Observability has two packages of its own, rpc and tensorflow folders likewise: the last matching block wins.
  {
    files: ['src/observability/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: restricted('src/observability') }] },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' }] },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
