import type { RuntimeClass } from '@berth/kube';
import { validateResources } from '../core/pod/resource-requirements.ts';
import { validateTolerations } from '../core/pod/scheduling.ts';
import { invalid, required } from '../field.ts';
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
        ...validateResources(overhead?.podFixed && { limits: overhead.podFixed }, 'overhead', new Set()),
        ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
        ...validateTolerations(scheduling?.tolerations ?? [], 'scheduling.tolerations'),
      ];
    },
    validateUpdate: (next, old) => immutable(next['handler'], old['handler'], 'handler'),
  },
};
