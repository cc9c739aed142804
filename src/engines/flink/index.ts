export { findBridgeJar, missingForBridge, setupBridge, type BuiltBridge } from './bridge-jar.js';
