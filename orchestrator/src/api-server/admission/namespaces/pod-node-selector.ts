import { apiError, isRecord, type PodSpec } from '@berth/kube';
import { forbidden } from '../../resource-errors.ts';
import { validateLabelName } from '../../resources/label-selector.ts';
import { labelValue } from '../../resources/names.ts';
import { type AdmissionPlugin, isResource } from '../admission.ts';
import type { AdmissionLookup } from '../lookup.ts';

type Labels = Readonly<Record<string, string>>;

const annotation = 'scheduler.alpha.kubernetes.io/node-selector';
/** What holds in namespaces that say nothing. */
const everywhere = 'clusterDefaultNodeSelector';

/** Pods run on the nodes of their namespace (admission PodNodeSelector); what was configured says which nodes a namespace may have. */
export function podNodeSelector(
  lookup: AdmissionLookup,
  configuration: unknown,
): Record<'mutate' | 'validate', AdmissionPlugin> {
  const configured = configuredOf(configuration);
  const check =
    (add: boolean): AdmissionPlugin =>
    async (request) => {
      if (request.operation !== 'create' || !isResource(request, '', 'pods')) return;
      const { definition, namespace, object } = request;
      const found = await lookup.namespace(namespace);
      const spec = object.spec as PodSpec;
      const own = labelsOf(found.metadata.annotations?.[annotation] ?? configured[everywhere] ?? '');
      const refuse = (why: string) => forbidden(definition, object.metadata.name ?? '', why);
      const wanted: Labels = spec.nodeSelector ?? {};
      if (Object.entries(own).some(([key, value]) => (wanted[key] ?? value) !== value))
        throw refuse('pod node label selector conflicts with its namespace node label selector');
      const merged = add ? { ...own, ...wanted } : wanted;
      if (add && Object.keys(merged).length > 0) spec.nodeSelector = merged;
      const allowed = labelsOf(configured[namespace] ?? '');
      if (Object.keys(allowed).length === 0) return;
      if (Object.entries(merged).some(([key, value]) => allowed[key] !== value))
        throw refuse('pod node label selector labels conflict with its namespace whitelist');
    };
  return { mutate: check(true), validate: check(false) };
}

/** @throws RangeError */
function configuredOf(configuration: unknown): Labels {
  const told = isRecord(configuration) ? (configuration['podNodeSelectorPluginConfig'] ?? {}) : {};
  if (!isRecord(told) || Object.values(told).some((value) => typeof value !== 'string'))
    throw new RangeError(
      'couldn\'t init admission plugin "PodNodeSelector": podNodeSelectorPluginConfig has a text of labels for each namespace',
    );
  return told as Labels;
}

/** `disk=ssd,zone=a` (labels.ConvertSelectorToLabelsMap). @throws ApiError – none, in the words of what reads it. */
function labelsOf(text: string): Labels {
  if (text === '') return {};
  const pairs = text.split(',').map((each) => {
    const [key = '', value = '', ...more] = each.split('=');
    if (!each.includes('=') || more.length > 0)
      throw apiError('Unknown', `invalid selector: [${each.split('=').join(' ')}]`);
    const pair = [key.trim(), value.trim()] as const;
    const [wrong] = validateLabelName(pair[0], '<nil>');
    if (wrong) throw apiError('Unknown', `${wrong.field}: ${wrong.message}`);
    const complaints = labelValue(pair[1]);
    if (complaints.length > 0)
      throw apiError('Unknown', `[${pair[0]}]: Invalid value: ${JSON.stringify(pair[1])}: ${complaints.join('; ')}`);
    return pair;
  });
  return Object.fromEntries(pairs);
}
