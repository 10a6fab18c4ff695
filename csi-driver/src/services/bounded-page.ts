import { tokenAfter } from './page-token.ts';

/** Half of a page's room is never used: names outside ASCII take up to three bytes a character. */
const maxCharacters = 1024 ** 2;

export interface Page<M> {
  readonly entries: M[];
  readonly nextToken: string;
}

/**
 * The first `size` records as entries, or fewer where these already are about as much as a message of gRPC may hold (4 MiB).
 * `records` has one more than fits the page where there are more; those whose entry is undefined are left out.
 */
export function boundedPage<R extends { readonly sequence: number }, M>(
  records: readonly R[],
  size: number,
  entryOf: (record: R) => M | undefined,
): Page<M> {
  const entries: M[] = [];
  let characters = 0;
  for (const [index, record] of records.entries()) {
    if (index === size || characters >= maxCharacters) {
      return { entries, nextToken: tokenAfter(records[index - 1]?.sequence) };
    }
    const entry = entryOf(record);
    if (entry === undefined) continue;
    characters += JSON.stringify(entry).length;
    entries.push(entry);
  }
  return { entries, nextToken: '' };
}
