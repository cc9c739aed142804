import type { FileMetaData } from 'hyparquet';

export interface RowGroupPlace {
  readonly index: number;
  /** First row in the file. */
  readonly start: number;
  readonly rows: number;
}

/** The row groups of a file, front to back. */
export function rowGroupPlaces(metadata: FileMetaData): RowGroupPlace[] {
  let start = 0;
  return metadata.row_groups.map((group, index) => {
    const place = { index, start, rows: Number(group.num_rows) };
    start += place.rows;
    return place;
  });
}
