import { RecentValues } from '../../recent-values.ts';
import type { ResourceDefinition } from '../../resource-definition.ts';
import { CustomCodec } from './custom-codec.ts';
import type { CustomForm } from './custom-form.ts';

/** Of a kind that is stored as v1. */
export function aCodec(definition: ResourceDefinition, forms: ReadonlyMap<string, CustomForm> = new Map()) {
  return new CustomCodec({ definition, storageVersion: 'v1', written: new RecentValues(), forms, lacksStatus: false });
}
