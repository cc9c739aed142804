export { formatLayerProfile, layerProfile, type LayerTime } from './layer-profile.js';
export { writeEventFile, type EventFileContents } from './event-file.js';
