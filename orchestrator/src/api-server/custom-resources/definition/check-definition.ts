import type { CustomResourceDefinition } from '@berth/kube';
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
  const before = old ? unknownFormats(old) : new Set<string>();
  for (const format of unknownFormats(next))
    if (!before.has(format)) warn(`unrecognized format ${JSON.stringify(format)}`);
  return old ? definitionUpdateErrors(next, old) : definitionErrors(next);
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
