// Runs before npm runs any `install` script of the tree that it has just unpacked (see docs/decisions/0001-native-library.md).
//
// The install script of @tensorflow/tfjs-node 4.22.0 downloads a library that is no longer served and fails the whole
// installation. Here it is replaced by one that says what to do instead. Nothing is downloaded and nothing else changes;
// whatever goes wrong in here must not fail an installation either.
'use strict';

const fs = require('fs');
const path = require('path');

const replacement = `// Replaced by millrace: the download that this script made is no longer served.
'use strict';
const fs = require('fs');
const path = require('path');
if (!fs.existsSync(path.join(__dirname, '..', 'lib', 'napi-v8', 'tfjs_binding.node'))) {
  console.log('@tensorflow/tfjs-node has no native part yet. Run: npx millrace setup');
}
`;

function tfjsNodeFolder() {
  // Not require.resolve('@tensorflow/tfjs-node/package.json'): plain folders, so that nothing of the tree is loaded.
  for (let dir = path.join(__dirname, '..'); ; dir = path.dirname(dir)) {
    const candidate = path.join(dir, 'node_modules', '@tensorflow', 'tfjs-node');
    if (fs.existsSync(path.join(candidate, 'package.json'))) return candidate;
    if (dir === path.dirname(dir)) return undefined;
  }
}

function replaceInstallScript() {
  // Somebody with a mirror of their own has a script that works.
  const mirrors = ['TFJS_NODE_CDN_STORAGE', 'TFJS_NODE_BASE_URI', 'CDN_STORAGE'];
  if (mirrors.some((name) => process.env[name] || process.env['npm_config_' + name])) return;
  const folder = tfjsNodeFolder();
  if (folder === undefined) return;
  if (JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version !== '4.22.0') return;
  // Likewise a library of one's own, as tfjs-node documents it.
  if (fs.existsSync(path.join(folder, 'scripts', 'custom-binary.json'))) return;
  const script = path.join(folder, 'scripts', 'install.js');
  if (!fs.existsSync(script) || fs.readFileSync(script, 'utf8') === replacement) return;
  // A new file in its place: package managers with one store for all projects link files, and those must stay as they are.
  const aside = script + '.millrace-' + process.pid;
  fs.writeFileSync(aside, replacement);
  fs.renameSync(aside, script);
}

try {
  replaceInstallScript();
} catch (error) {
  console.warn('millrace: could not replace the install script of @tensorflow/tfjs-node: ' + error.message);
}
