// Adds to package-lock.json the optional packages of other platforms that npm left out because the registry in use does
// not carry them: `npm ci` refuses a lock file without them. Run it after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

const systems = ['darwin', 'win32', 'freebsd', 'android', 'openbsd', 'netbsd', 'sunos', 'aix', 'openharmony', 'linux'];
const processors = {
  aarch64: 'arm64',
  arm64: 'arm64',
  armv7: 'arm',
  armhf: 'arm',
  arm: 'arm',
  x86_64: 'x64',
  x64: 'x64',
  ia32: 'ia32',
  loong64: 'loong64',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  mips64el: 'mips64el',
};

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (path === '' || `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages) continue;
    const os = systems.find((system) => name.includes(system));
    const cpu = Object.entries(processors).find(([part]) => name.includes(part))?.[1];
    lock.packages[`node_modules/${name}`] = {
      version: version.replace(/^[\^~]/, ''),
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(os === undefined ? {} : { os: [os] }),
    };
    console.log(`added ${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
