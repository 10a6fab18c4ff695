/** Values on their way to etcd: what comes back as an event is the very same bytes again, so that nobody decodes them anew. */
export class PendingValues {
  readonly #byKey = new Map<string, Uint8Array[]>();

  /** Until disposed. */
  add(key: string, value: Uint8Array): Disposable {
    const values = this.#byKey.get(key) ?? [];
    this.#byKey.set(key, [...values, value]);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#byKey.get(key) ?? []).filter((one) => one !== value);
        if (left.length > 0) this.#byKey.set(key, left);
        else this.#byKey.delete(key);
      },
    };
  }

  /** Ours where it is the same as what came. */
  same(key: string, value: Uint8Array): Uint8Array {
    return this.#byKey.get(key)?.find((one) => Buffer.compare(one, value) === 0) ?? value;
  }
}
