export { locateLibrary, type LibraryLocation } from './manifest.js';
export { shareProcessMemory } from './process-memory.js';
