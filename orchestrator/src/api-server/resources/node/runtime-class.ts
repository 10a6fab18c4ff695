import type { RuntimeClass, Toleration } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateResources } from '../core/pod/resource-requirements.ts';
import { validateTolerations } from '../core/pod/scheduling.ts';
import { duplicate, invalid, required } from '../field.ts';
import { shownForm } from '../internal-form.ts';
import { validateLabels } from '../label-selector.ts';
import { immutable } from '../metadata.ts';
import { dns1123Label } from '../names.ts';
import type { KindRules } from '../rules.ts';

export const runtimeClassRules: KindRules = {
  cells: { Handler: ({ handler }) => handler ?? '' },
  rules: {
    validate: (object) => {
      const { handler, overhead, scheduling } = object as RuntimeClass;
      return [
        ...(handler ? dns1123Label(handler).map((text) => invalid('handler', handler, text)) : [required('handler')]),
        ...validateResources(overhead?.podFixed && { limits: overhead.podFixed }, 'overhead', {
          claimNames: new Set(),
        }),
        ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
        ...validateTolerations(scheduling?.tolerations ?? [], 'scheduling.tolerations'),
        ...repeatedTolerations(scheduling?.tolerations ?? []),
      ];
    },
    validateUpdate: (next, old) => immutable(next['handler'], old['handler'], 'handler'),
  },
};

/** Seconds do not make another of one. */
function repeatedTolerations(tolerations: readonly Toleration[]): FieldError[] {
  const keys = tolerations.map(({ key = '', operator = '', value = '', effect = '' }) =>
    JSON.stringify([key, operator, value, effect]),
  );
  return tolerations.flatMap((toleration, index) =>
    keys.indexOf(keys[index] as string) < index
      ? [duplicate(`scheduling.tolerations[${index}]`, shownForm('Toleration', toleration))]
      : [],
  );
}
