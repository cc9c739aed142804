/** Why a server and we do not come together by TLS, and what helps. */
export interface TlsProblem {
  readonly reason: string;
  readonly fix: string;
}

const unknownIssuer: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
const outOfTime: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** @returns undefined where an error of a connection is not one of TLS */
export function tlsProblem(error: NodeJS.ErrnoException): TlsProblem | undefined {
  const { code = '', message } = error;
  if (unknownIssuer.has(code)) {
    const fix = 'give the certificate of the authority that signed it (--ca, or caFile of the engine; NODE_EXTRA_CA_CERTS adds one for all of Node.js)';
    return { reason: `its certificate is signed by nobody who is trusted here (${code})`, fix };
  }
  if (outOfTime.has(code))
    return { reason: `its certificate is out of date (${code})`, fix: 'have the cluster use a valid one, and check the clock of this machine' };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const { reason = message } = error as { readonly reason?: string };
    return { reason: `its certificate is for another name (${reason.replace(/\.$/, '')})`, fix: 'use an address that the certificate names' };
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|wrong version number|packet length too long/.test(`${code} ${message}`))
    return { reason: 'it does not speak TLS there', fix: 'use http:// (security.ssl.rest.enabled of the cluster says which it is)' };
  if (
    /alert (bad certificate|certificate required|handshake failure|unknown ca|certificate unknown)|ALERT_(BAD_CERTIFICATE|CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA|CERTIFICATE_UNKNOWN)/i.test(
      `${code} ${message}`,
    )
  )
    return {
      reason: `it refuses us (${code})`,
      fix: 'with security.ssl.rest.authentication-enabled it wants a certificate that is in its truststore: give it by --cert and --key (certFile and keyFile of the engine)',
    };
  return undefined;
}
