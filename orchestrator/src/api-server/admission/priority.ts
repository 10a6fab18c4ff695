import type { AnyObject } from '../resource-definition.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';
import type { AdmissionLookup } from './lookup.ts';
import { refused } from './refused.ts';

/** Resolves a pod's priority class to its number (admission Priority). */
export function priority(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    if (!isResource(request, '', 'pods') || request.subresource !== '') return;
    const spec = request.object.spec as Record<string, unknown>;
    if (request.operation === 'update') return keepPriority(spec, request.old?.['spec']);
    if (request.operation !== 'create') return;
    const wanted = spec['priorityClassName'] as string | undefined;
    const chosen = wanted
      ? await lookup.find('scheduling.k8s.io', 'priorityclasses', '', wanted)
      : await defaultClass(lookup);
    if (wanted && !chosen) throw refused(request, `no PriorityClass with name ${wanted} was found`);
    const value = (chosen?.['value'] as number | undefined) ?? 0;
    const given = spec['priority'];
    if (given !== undefined && given !== value)
      throw refused(
        request,
        `the integer value of priority (${given}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    if (!wanted && chosen) spec['priorityClassName'] = chosen.metadata.name;
    spec['priority'] = value;
    const policy = (chosen?.['preemptionPolicy'] as string | undefined) ?? 'PreemptLowerPriority';
    if (spec['preemptionPolicy'] !== undefined && spec['preemptionPolicy'] !== policy)
      throw refused(
        request,
        `the string value of PreemptionPolicy (${spec['preemptionPolicy']}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    spec['preemptionPolicy'] = policy;
  };
}

/** What was resolved once stays, also where an update leaves it out. */
function keepPriority(spec: Record<string, unknown>, before: Readonly<Record<string, unknown>> = {}): void {
  for (const name of ['priority', 'preemptionPolicy'])
    if (before[name] !== undefined && before[name] !== null) spec[name] ??= before[name];
}

/** A class is not made the default while another one is (validatePriorityClass, after validation). */
export function oneDefaultPriority(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    const { operation, object, name } = request;
    if (!isResource(request, 'scheduling.k8s.io', 'priorityclasses')) return;
    if (operation === 'delete' || object['globalDefault'] !== true) return;
    const other = await defaultClass(lookup);
    if (!other || (operation === 'update' && other.metadata.name === name)) return;
    const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
    throw refused(request, why);
  };
}

/** Of several global defaults the lowest counts, as upstream decides. */
async function defaultClass(lookup: AdmissionLookup): Promise<AnyObject | undefined> {
  const classes = await lookup.list('scheduling.k8s.io', 'priorityclasses');
  const defaults = classes.filter((each) => each['globalDefault'] === true);
  return defaults.toSorted((a, b) => (a['value'] as number) - (b['value'] as number))[0];
}
