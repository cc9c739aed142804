const maxShownLength = 500;

/** A record for people: JSON, cut off after 500 characters. */
export function showRecord(record: unknown): string {
  const text = toJson(record);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}...` : text;
}

function toJson(record: unknown): string {
  const plain = (_: string, value: unknown): unknown => {
    if (typeof value === 'bigint') return value.toString();
    return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Uint8Array) : value;
  };
  try {
    const text: string | undefined = JSON.stringify(record, plain);
    return text ?? String(record);
  } catch {
    return String(record);
  }
}
