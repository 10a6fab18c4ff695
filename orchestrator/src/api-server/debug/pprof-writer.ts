import { message, nested, text, varint, varints } from '../protobuf-fields.ts';

/** Where something was, as V8 says it. */
export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

interface Options {
  /** What each sample counts: its kind and unit, such as `cpu` in `nanoseconds`. */
  readonly types: readonly (readonly [type: string, unit: string])[];
  readonly durationNanos: number;
}

/** Writes a profile as `go tool pprof` reads it (github.com/google/pprof/proto/profile.proto). */
export class PprofWriter {
  readonly #options: Options;
  readonly #strings = new Map([['', 0]]);
  readonly #functions = new Map<string, number>();
  readonly #locations = new Map<string, number>();
  readonly #fields: Uint8Array[] = [];

  constructor(options: Options) {
    this.#options = options;
    for (const [type, unit] of options.types) this.#fields.push(nested(1, this.#valueType(type, unit)));
  }

  /** `stack` begins with the innermost call. */
  add(stack: readonly CallFrame[], values: readonly number[]): void {
    const locations = stack.map((frame) => this.#location(frame));
    this.#fields.push(nested(2, message(varints(1, locations), varints(2, values))));
  }

  finish(): Uint8Array {
    const { types, durationNanos } = this.#options;
    const [type, unit] = types.at(-1) as readonly [string, string];
    const mapping = nested(3, message(varint(1, 1), varint(5, this.#string('node')), varint(7, 1)));
    const period = [nested(11, this.#valueType(type, unit)), varint(12, 1), varint(10, durationNanos)];
    const strings = [...this.#strings.keys()].map((each) => text(6, each));
    return message(...this.#fields, mapping, ...period, ...strings);
  }

  #valueType(type: string, unit: string): Uint8Array {
    return message(varint(1, this.#string(type)), varint(2, this.#string(unit)));
  }

  #string(value: string): number {
    return idOf(this.#strings, value, 0);
  }

  #location(frame: CallFrame): number {
    const line = frame.lineNumber + 1;
    const key = `${frame.url}:${line}:${frame.functionName}`;
    const known = this.#locations.size;
    const id = idOf(this.#locations, key, 1);
    if (this.#locations.size > known) {
      const at = message(varint(1, this.#function(frame, key)), varint(2, line));
      this.#fields.push(nested(4, message(varint(1, id), varint(2, 1), nested(4, at))));
    }
    return id;
  }

  #function({ functionName, url, lineNumber }: CallFrame, key: string): number {
    const id = idOf(this.#functions, key, 1);
    const name = this.#string(functionName || '(anonymous)');
    const file = this.#string(url.replace(/^file:\/\//, ''));
    this.#fields.push(
      nested(5, message(varint(1, id), varint(2, name), varint(3, name), varint(4, file), varint(5, lineNumber + 1))),
    );
    return id;
  }
}

function idOf(ids: Map<string, number>, key: string, first: number): number {
  const known = ids.get(key);
  if (known !== undefined) return known;
  const id = ids.size + first;
  ids.set(key, id);
  return id;
}
