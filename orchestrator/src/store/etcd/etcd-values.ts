/**
 * Reads a value that another program wrote in a form of its own, as kube-apiserver does: as it would lie there if it were
 * ours. Undefined: it is as ours are.
 */
export type ForeignReader = (value: Uint8Array) => Promise<Uint8Array> | undefined;

/** Values as they came from etcd, in our form. */
export class EtcdValues {
  readonly #foreign: ForeignReader;

  constructor(foreign: ForeignReader = () => undefined) {
    this.#foreign = foreign;
  }

  /** A promise only where it takes one: nearly all values are ours. */
  read(value: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#foreign(value) ?? ownBytes(value);
  }
}

/** A copy: what gRPC gives is a piece of a whole message, which would stay in memory with it. */
function ownBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value);
}
