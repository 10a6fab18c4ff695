/** Why nobody waits for an answer any more: its client is gone. One for all: of a thousand watches that end at once each would capture a stack. */
export const clientGone = new DOMException('This operation was aborted', 'AbortError');

/** The same: the time of the request is over. */
export const deadlineExceeded = new DOMException('The time of this request is over', 'TimeoutError');

/** Whether the request of this signal ended by its time, not by its client. */
export function isLate(signal: AbortSignal | undefined): boolean {
  return signal?.reason === deadlineExceeded;
}
