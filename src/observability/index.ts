export { PrometheusExposition } from './prometheus.js';
export { startMetricsServer, type MetricsServer, type MetricsServerOptions } from './metrics-server.js';
