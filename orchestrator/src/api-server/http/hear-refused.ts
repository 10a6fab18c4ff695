import type { Http2Stream } from 'node:http2';

/**
 * From here on `refused` is called for each request of HTTP/2 that Node refuses by itself, as it has more headers than there may be; `stream`
 * is any that it did not refuse. It tells only the owner of the request's handle when that ends, and such a handle got none: here all
 * have one by their prototype, which Node takes for a stream that is gone. False: Node keeps its owners elsewhere.
 */
export function hearRefused(stream: Http2Stream, refused: () => void): boolean {
  const handle = hiddenIn(stream, 'kHandle')?.value as object | undefined;
  const owner = handle && hiddenIn(handle, 'owner_symbol')?.key;
  if (!owner) return false;
  const gone = {
    get destroyed() {
      refused();
      return true;
    },
  };
  Object.defineProperty(Object.getPrototypeOf(handle), owner, { value: gone, writable: true, configurable: true });
  return true;
}

/** What Node keeps in an object by a symbol of its own. */
function hiddenIn(object: object, name: string): { readonly key: symbol; readonly value: unknown } | undefined {
  const key = Object.getOwnPropertySymbols(object).find((each) => each.description === name);
  return key && { key, value: (object as Record<symbol, unknown>)[key] };
}
