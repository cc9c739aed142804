import { MillraceError, type ErrorCode } from '../../core/index.js';
import type { CApi, Pointer } from './c-api.js';

const resourceExhausted = 8;

/** Throws what `status` says, if it says anything, under `code`. */
export function checkStatus(api: CApi, status: Pointer, where: string, code: ErrorCode = 'TENSORFLOW'): void {
  const tfCode = api.getCode(status);
  if (tfCode === 0) return;
  const text = api.message(status);
  throw new MillraceError(tfCode === resourceExhausted ? 'RESOURCE_EXHAUSTED' : code, `${where}: ${text}`, { details: { tfCode } });
}

/** Runs `call` with a status of its own and throws what the status then says. */
export function withStatus<T>(api: CApi, where: string, call: (status: Pointer) => T, code?: ErrorCode): T {
  const status = api.newStatus();
  try {
    const result = call(status);
    checkStatus(api, status, where, code);
    return result;
  } finally {
    api.deleteStatus(status);
  }
}

/** The same for a call on koffi's threads; the event loop stays free. */
export async function withStatusAsync<T>(
  api: CApi,
  where: string,
  call: (status: Pointer, done: (error: Error | null, result: unknown) => void) => void,
  code?: ErrorCode,
): Promise<T> {
  const status = api.newStatus();
  try {
    const result = await new Promise<T>((resolve, reject) => {
      call(status, (error, value) => {
        if (error === null || error === undefined) resolve(value as T);
        else reject(error);
      });
    });
    checkStatus(api, status, where, code);
    return result;
  } finally {
    api.deleteStatus(status);
  }
}
