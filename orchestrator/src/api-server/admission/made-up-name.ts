import { type Rng, randomSuffix } from '@berth/kit';
import type { AnyObject } from '../resource-definition.ts';
import type { AdmissionRequest } from './admission.ts';

/** Upstream cuts a generateName so that name and suffix fit a DNS label. */
const maxGeneratedBase = 58;

/** A name that begins with `generateName` (names.SimpleNameGenerator). */
export function madeUpName(generateName: string, rng: Rng): string {
  return generateName.slice(0, maxGeneratedBase) + randomSuffix(rng);
}

/**
 * `object` as those see it who may change it: upstream makes a name up only after them. One that they gave it stays.
 */
export function withoutMadeUpName(object: AnyObject, { generatedName, name }: AdmissionRequest): AnyObject {
  if (!generatedName || object.metadata.name !== name) return object;
  const { name: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Gives what became of {@link withoutMadeUpName} its name again, another one where its generateName is another. */
export function makeUpName(changed: AnyObject, request: AdmissionRequest, rng: Rng): void {
  const { metadata } = changed;
  if (!request.generatedName || metadata.name || !metadata.generateName) return;
  const isSame = metadata.generateName === request.object.metadata.generateName;
  metadata.name = isSame ? request.name : madeUpName(metadata.generateName, rng);
}
