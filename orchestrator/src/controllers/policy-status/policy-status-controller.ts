import { resources, type ValidatingAdmissionPolicy } from '@berth/kube';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';

const manager = 'validatingadmissionpolicy-status';

/**
 * Says in a ValidatingAdmissionPolicy's status what its expressions get wrong about the kinds they are about
 * (pkg/controller/validatingadmissionpolicystatus). What checks them is loaded with the first policy.
 */
export function startPolicyStatusController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const { client, informers } = deps;
  const policies = informers.of(resources.validatingadmissionpolicies);
  const definitions = informers.of(resources.customresourcedefinitions);
  const reconcile = async (name: string) => {
    const policy = policies.get(name);
    if (!policy || isChecked(policy)) return undefined;
    const [{ typeWarnings }, { kindWorld }] = await Promise.all([
      import('../../cel/admission/type-check-policy.ts'),
      import('./kind-world.ts'),
    ]);
    const expressionWarnings = await typeWarnings(policy.spec ?? {}, kindWorld(definitions.list()));
    const { generation: observedGeneration } = policy.metadata;
    const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {};
    const patch = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      status: { observedGeneration, typeChecking },
    };
    await client.patch(
      resources.validatingadmissionpolicies,
      { name },
      { type: 'apply', patch, fieldManager: manager, force: true },
      { subresource: 'status' },
      signal,
    );
    return undefined;
  };
  const controller = new RunningController(deps, { name: manager, reconcile }, signal);
  const handler = policies.onChange((name, { after }) => {
    if (after && !isChecked(after)) controller.queue.add(name);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      handler[Symbol.dispose]();
      await controller[Symbol.asyncDispose]();
    },
  };
}

function isChecked({ metadata, status }: ValidatingAdmissionPolicy): boolean {
  return (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
}
