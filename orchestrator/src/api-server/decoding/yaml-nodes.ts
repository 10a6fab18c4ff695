import { type Document, isCollection, isPair } from 'yaml';

/** All nodes of a document, in its order. The library's own walk keeps at each the path to it: of ten thousand levels a gigabyte. */
export function* nodesOf({ contents }: Document.Parsed): Iterable<unknown> {
  const open: unknown[] = [contents];
  while (open.length > 0) {
    const node = open.pop();
    yield node;
    if (isPair(node)) open.push(node.value, node.key);
    else if (isCollection(node)) for (let i = node.items.length - 1; i >= 0; i--) open.push(node.items[i]);
  }
}
