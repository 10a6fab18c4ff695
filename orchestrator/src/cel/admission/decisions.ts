import type { Attributes, Authorizer, Decision } from '../../api-server/authorizer.ts';
import { TooLong } from '../evaluation/cost-meter.ts';
import type { Decide } from '../library/authorization.ts';

/** Answers that are at hand, by what was asked. */
export type KnownDecisions = ReadonlyMap<string, Decision | { readonly error: string }>;

/** Thrown in the middle of an evaluation that asks what nobody has been asked yet. */
export class Undecided extends Error {
  readonly attributes: Attributes;

  constructor(attributes: Attributes) {
    super('not decided yet');
    this.attributes = attributes;
  }
}

/** Answers with what is known. @throws Undecided – where that is nothing. */
export function decideBy(known: KnownDecisions): Decide {
  return (attributes) => {
    const answer = known.get(keyOf(attributes));
    if (!answer) throw new Undecided(attributes);
    return answer;
  };
}

export interface Evaluations<T> {
  /** In one go; may throw Undecided and TooLong. */
  readonly here: (decide: Decide) => T;
  /** In another thread, for as long as it takes; the attributes that someone must be asked about, if any. */
  readonly aside: (known: KnownDecisions) => Promise<T | { readonly undecided: Attributes }>;
}

/**
 * Runs what may ask an authorizer. Expressions are evaluated in one go and change nothing: where one asks, it is broken off,
 * the authorizer asked, and all is run again with the answer at hand. An evaluation can pay for two questions.
 */
export async function withDecisions<T extends object>(
  authorizer: Authorizer,
  { here, aside }: Evaluations<T>,
): Promise<T> {
  const known = new Map<string, Decision | { readonly error: string }>();
  const learn = async (attributes: Attributes) => void known.set(keyOf(attributes), await ask(authorizer, attributes));
  for (;;) {
    try {
      return here(decideBy(known));
    } catch (error) {
      if (error instanceof TooLong) break;
      if (!(error instanceof Undecided)) throw error;
      await learn(error.attributes);
    }
  }
  for (;;) {
    const result = await aside(known);
    if (!('undecided' in result)) return result;
    await learn(result.undecided);
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
