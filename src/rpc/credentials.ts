import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';

/** TLS for servers that listen beyond loopback: PEM bytes, mutual where `clientCertificates` is true. */
export interface TlsOptions {
  readonly rootCertificates: Buffer;
  readonly privateKey: Buffer;
  readonly certificateChain: Buffer;
  /** Whether a server asks its clients for a certificate signed by the root. Default true. */
  readonly clientCertificates?: boolean;
}

/** undefined: plain text, meant for loopback. */
export function serverCredentials(tls: TlsOptions | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { rootCertificates, privateKey, certificateChain, clientCertificates = true } = tls;
  return ServerCredentials.createSsl(rootCertificates, [{ private_key: privateKey, cert_chain: certificateChain }], clientCertificates);
}

export function channelCredentials(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  return ChannelCredentials.createSsl(tls.rootCertificates, tls.privateKey, tls.certificateChain);
}
