export { locateLibrary, type LibraryLocation } from './manifest.js';
export { shareProcessMemory } from './process-memory.js';
export { setupTensorFlow, type SetupOptions, type SetupResult } from './setup.js';
export type { OnSetupProgress, SetupProgress, SetupStep } from './setup-progress.js';
export { checkInstallation, type InstallationCheck } from './check-installation.js';
