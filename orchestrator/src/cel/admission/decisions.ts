import type { Attributes, Authorizer, Decision } from '../../api-server/authorizer.ts';
import type { Decide } from '../library/authorization.ts';

/** Thrown in the middle of an evaluation that asks what nobody has been asked yet. */
class Undecided extends Error {
  readonly attributes: Attributes;

  constructor(attributes: Attributes) {
    super('not decided yet');
    this.attributes = attributes;
  }
}

/**
 * Runs what may ask an authorizer. Expressions are evaluated in one go and change nothing: where one asks, it is broken off,
 * the authorizer asked, and all is run again with the answer at hand. An evaluation can pay for two questions.
 */
export async function withDecisions<T>(authorizer: Authorizer, run: (decide: Decide) => T): Promise<T> {
  const known = new Map<string, Decision | { readonly error: string }>();
  const decide: Decide = (attributes) => {
    const answer = known.get(keyOf(attributes));
    if (!answer) throw new Undecided(attributes);
    return answer;
  };
  for (;;) {
    try {
      return run(decide);
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
      known.set(keyOf(error.attributes), await ask(authorizer, error.attributes));
    }
  }
}

function keyOf({ user, ...rest }: Attributes): string {
  return JSON.stringify([user.name, user.groups, rest]);
}

async function ask(authorizer: Authorizer, attributes: Attributes): Promise<Decision | { readonly error: string }> {
  try {
    return await authorizer.authorize(attributes);
  } catch (error) {
    return { error: (error as Error).message };
  }
}
