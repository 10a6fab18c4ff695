import type { CustomResourceDefinition } from '@berth/kube';
import { breathe, isLarge } from '../../decoding/large-bodies.ts';
import type { AnyObject, CheckAbout, FieldError } from '../../resource-definition.ts';
import { someSchema } from '../schema/json-schema.ts';
import { knownFormat } from '../values/formats.ts';
import { definitionErrors, definitionUpdateErrors, nameErrors } from './definition-errors.ts';
import { versionsOf } from './internal-spec.ts';

/** What is wrong with a new or changed definition but for its metadata. */
export async function checkDefinition(
  next: AnyObject,
  old: AnyObject | undefined,
  { endpoint, warn }: CheckAbout,
): Promise<readonly FieldError[]> {
  const { status } = next as CustomResourceDefinition;
  if (endpoint === 'status') return nameErrors(status?.acceptedNames, 'status.acceptedNames');
  if (isLarge(next)) await breathe();
  const errors = await errorsOf(next, old);
  // Who is refused is not warned.
  if (errors.length > 0) return errors;
  const before = old ? unknownFormats(old) : new Set<string>();
  for (const format of unknownFormats(next))
    if (!before.has(format)) warn(`unrecognized format ${JSON.stringify(format)}`);
  return [];
}

async function errorsOf(next: AnyObject, old: AnyObject | undefined): Promise<readonly FieldError[]> {
  const errors = old ? definitionUpdateErrors(next, old) : definitionErrors(next);
  if (!hasRules(next)) return errors;
  const { definitionRuleErrors } = await import('../../../cel/crd/definition-rule-errors.ts');
  const was = (old as CustomResourceDefinition | undefined)?.spec;
  return [...errors, ...(await definitionRuleErrors((next as CustomResourceDefinition).spec, was, errors))];
}

/** Expressions are loaded where some schema has any. */
function hasRules(object: AnyObject): boolean {
  return versionsOf((object as CustomResourceDefinition).spec).some(({ schema }) =>
    someSchema(schema?.openAPIV3Schema, (each) => (each['x-kubernetes-validations'] ?? []).length > 0),
  );
}

/** Formats that mean nothing where they stand. */
function unknownFormats(object: AnyObject): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { schema } of versionsOf((object as CustomResourceDefinition).spec))
    someSchema(schema?.openAPIV3Schema, ({ type = '', format }) => {
      if (format && knownFormat(type, format) === undefined) found.add(format);
      return false;
    });
  return found;
}
