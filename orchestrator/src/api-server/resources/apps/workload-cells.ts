import type { PodTemplateSpec } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import { formatSelector } from '../label-selector.ts';
import type { KindRules } from '../rules.ts';

type Cells = NonNullable<KindRules['cells']>;

/** The wide columns of everything with a pod template. */
export const templateCells: Cells = {
  Containers: ({ spec }) => containers(spec?.template, 'name'),
  Images: ({ spec }) => containers(spec?.template, 'image'),
  Selector: ({ spec }) => formatSelector(spec?.selector),
};

export function containers(template: PodTemplateSpec | undefined, field: 'name' | 'image'): string {
  return (template?.spec?.containers ?? []).map((container) => container[field] ?? '').join(',');
}

export function count(object: AnyObject, field: string): number {
  return object['status']?.[field] ?? 0;
}
