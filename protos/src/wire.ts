import { grpcError } from './grpc-error.ts';

/** One byte says whether it is compressed, four how long it is (gRPC over HTTP/2, Length-Prefixed-Message). */
const headBytes = 5;

/** Cuts gRPC's messages out of a stream of bytes. They are views of what came. */
export class MessageReader {
  #parts: Buffer[] = [];
  #have = 0;
  #need = headBytes;

  /** The messages that are whole with this chunk. @throws GrpcError INTERNAL – one is compressed, which we never ask for. */
  take(chunk: Buffer): Buffer[] {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return [];
    const all = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#have);
    const messages: Buffer[] = [];
    let at = 0;
    for (;;) {
      const left = all.length - at;
      this.#need = left < headBytes ? headBytes : headBytes + all.readUInt32BE(at + 1);
      if (left < this.#need) break;
      if (all[at] !== 0) throw grpcError('INTERNAL', 'a message is compressed');
      messages.push(all.subarray(at + headBytes, at + this.#need));
      at += this.#need;
    }
    this.#have = all.length - at;
    this.#parts = this.#have > 0 ? [all.subarray(at)] : [];
    return messages;
  }
}

/** A message as it is sent. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headBytes);
  return frame;
}

/** `grpc-message` is percent-encoded (gRPC over HTTP/2, Status-Message); one that is not is taken as it is. */
export function unescapeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
