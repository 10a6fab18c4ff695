import type { ResourceDefinition } from '../resource-definition.ts';

const ending = ['create', 'patch', 'update'];

/** The verbs discovery tells of: of a custom resource that is about to go, those that make or change nothing. */
export function shownVerbs({ verbs, custom }: ResourceDefinition): readonly string[] {
  return custom?.isTerminating ? verbs.filter((verb) => !ending.includes(verb)) : verbs;
}
