/** A token whose claims are not as they have to be: it is refused, and why is logged. */
export class ClaimError extends Error {}

/** What `work` gives; where it refuses a token, `what` comes before the reason. */
export async function refusing<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ClaimError ? new ClaimError(`${what}: ${error.message}`) : error;
  }
}
