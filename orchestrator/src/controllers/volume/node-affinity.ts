import {
  type Labels,
  type NodeSelectorRequirement,
  type NodeSelectorTerm,
  type PersistentVolume,
  Selector,
} from '@berth/kube';

const operators = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt',
} as const;

/** Whether a node with these labels can reach the volume; a volume without affinity is reachable from everywhere. */
export function nodeCanReach(volume: PersistentVolume, nodeName: string, labels: Labels): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  if (!required) return true;
  return required.nodeSelectorTerms.some((term) => termMatches(term, nodeName, labels));
}

/** A term without conditions selects nothing (component-helpers scheduling/corev1/nodeaffinity). */
function termMatches(term: NodeSelectorTerm, nodeName: string, labels: Labels): boolean {
  const onLabels = term.matchExpressions ?? [];
  const onFields = term.matchFields ?? [];
  if (onLabels.length + onFields.length === 0) return false;
  return (
    selectorOf(onLabels).matches(labels) &&
    onFields.every((field) => field.key === 'metadata.name' && fieldHolds(field, nodeName))
  );
}

function fieldHolds({ operator, values = [] }: NodeSelectorRequirement, nodeName: string): boolean {
  return operator === 'NotIn' ? !values.includes(nodeName) : operator === 'In' && values.includes(nodeName);
}

function selectorOf(requirements: readonly NodeSelectorRequirement[]): Selector {
  return Selector.of(
    requirements.map(({ key, operator, values }) => {
      const known = operators[operator as keyof typeof operators];
      return { key, operator: known, values: values ?? [] };
    }),
  );
}
