// Writes docs/errors.md from the table in src/core/error-codes.ts; run it after a change there, on a built tree.
import { writeFileSync } from 'node:fs';
const root = new URL('..', import.meta.url).pathname;
const { errorCodes } = await import(root + '/dist/src/core/index.js');
let s = `# Errors

Every error has a code of this table, a message that says what, where, the value, the limit and the fix, and details.
Match on the code, not on the class. The exit code is that of the \`millrace\` command; the status is what carries the
error over gRPC.

| code | exit | gRPC status | retryable | when |
|---|---|---|---|---|
`;
for (const [c, r] of Object.entries(errorCodes)) s += `| \`${c}\` | ${r.exit} | ${r.grpc} | ${r.retryable ? 'yes' : 'no'} | ${r.summary} |\n`;
writeFileSync(root + '/docs/errors.md', s);
