import { defaultConfiguration } from './gen/default-configuration.ts';
import type { LevelObject } from './priority-level.ts';
import type { MandatoryObjects, SchemaObject } from './priority-levels.ts';

/** What upstream calls mandatory: its content is not the users' to change (flowcontrol bootstrap). */
export const mandatoryNames: readonly string[] = ['exempt', 'catch-all'];

export interface DefaultObject {
  readonly name: string;
  readonly spec: object;
}

export const defaultLevels = (): DefaultObject[] => JSON.parse(defaultConfiguration.prioritylevelconfigurations);
export const defaultSchemas = (): DefaultObject[] => JSON.parse(defaultConfiguration.flowschemas);

/** The objects that are in force also where nobody has made them. */
export function mandatoryObjects(): MandatoryObjects {
  const mandatory = (all: DefaultObject[]) =>
    all.filter(({ name }) => mandatoryNames.includes(name)).map((object) => ({ ...object, uid: '' }));
  return {
    levels: mandatory(defaultLevels()) as unknown as readonly LevelObject[],
    schemas: mandatory(defaultSchemas()) as unknown as readonly SchemaObject[],
  };
}
