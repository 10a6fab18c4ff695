/** A selector that is not one; the message has the words of Kubernetes. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}
