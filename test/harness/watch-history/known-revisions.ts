/** What was known to be there when: moments are counted, each a moment of its own. */
export class KnownRevisions {
  readonly #moments: number[] = [];
  readonly #newest: number[] = [];

  /** In any order. `at`: when it was heard that the store had come to `revision`. */
  constructor(heard: readonly { readonly at: number; readonly revision: number }[]) {
    let newest = 0;
    for (const { at, revision } of heard.toSorted((a, b) => a.at - b.at)) {
      newest = Math.max(newest, revision);
      this.#moments.push(at);
      this.#newest.push(newest);
    }
  }

  /** The newest revision anybody had heard of before `moment`. */
  before(moment: number): number {
    let low = 0;
    let high = this.#moments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#moments[middle] as number) < moment) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : (this.#newest[low - 1] as number);
  }
}
