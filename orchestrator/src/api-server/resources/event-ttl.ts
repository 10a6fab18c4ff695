import type { ResourceDefinition } from '../resource-definition.ts';

/** The definitions, of which those whose objects go by themselves (events) keep them so long; absent: as long as usual. */
export function withEventTtl(
  definitions: readonly ResourceDefinition[],
  ttlSeconds: number | undefined,
): readonly ResourceDefinition[] {
  if (ttlSeconds === undefined) return definitions;
  return definitions.map((definition) =>
    definition.rules.ttlSeconds === undefined
      ? definition
      : { ...definition, rules: { ...definition.rules, ttlSeconds } },
  );
}
