import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fromSystemError } from '../core/index.js';
import type { PrometheusExposition } from './prometheus.js';

export interface MetricsServerOptions {
  readonly exposition: PrometheusExposition;
  /** Default 127.0.0.1: nobody else's machine sees the job unless told so. */
  readonly host?: string;
  /** 0 takes any free port. Default 0. */
  readonly port?: number;
}

export interface MetricsServer {
  /** http://127.0.0.1:9464/metrics */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `/metrics` over HTTP. @throws PORT_IN_USE */
export async function startMetricsServer({ exposition, host = '127.0.0.1', port = 0 }: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || new URL(request.url ?? '/', 'http://localhost').pathname !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n');
      return;
    }
    exposition.text().then(
      (text) => response.writeHead(200, { 'content-type': exposition.contentType }).end(text),
      (thrown: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(thrown)}\n`),
    );
  });
  await listen(server, host, port);
  // A scraper that keeps its connection must not keep the job's process alive.
  server.unref();
  const { port: bound } = server.address() as AddressInfo;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shownHost}:${bound}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (thrown) => {
      reject(fromSystemError(thrown, `metrics server: cannot listen on ${host}:${port}`));
    });
    server.listen(port, host, resolve);
  });
}
