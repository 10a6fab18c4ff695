import type { Authorization } from '../authorization/authorization.ts';
import type { ServerContext } from '../server-context.ts';
import { type Admission, admissionChain } from './admission.ts';
import { claimResize } from './claim-resize.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-tolerations.ts';
import { limitChecks, limitDefaults } from './limits/limit-ranger.ts';
import { resourceQuota } from './limits/resource-quota.ts';
import { AdmissionLookup } from './lookup.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { priority } from './priority.ts';
import { serviceAccount } from './service-account.ts';
import type { ServiceAllocation } from './service-allocation.ts';
import { storageObjectInUseProtection } from './storage-protection.ts';

export interface BuiltInParts {
  readonly services: ServiceAllocation;
  /** Asked at each request: it is made after admission. */
  readonly authorization: () => Authorization;
}

/** The plugins upstream enables by default, in upstream's order, as far as Berth has them. */
export function builtInAdmission(context: ServerContext, { services, authorization }: BuiltInParts): Admission {
  const lookup = new AdmissionLookup(context);
  const lifecycle = namespaceLifecycle(lookup);
  return admissionChain({
    mutating: [
      // Upstream looks before any admission (registry/rbac).
      (request) => authorization().admit(request),
      lifecycle,
      limitDefaults(lookup),
      serviceAccount(lookup, context),
      priority(lookup),
      defaultTolerationSeconds,
      defaultStorageClass(lookup),
      storageObjectInUseProtection,
      services.admit,
    ],
    validating: [
      limitChecks(lookup),
      podSecurity(lookup, context),
      claimResize(lookup),
      async (request) => {
        if (request.operation === 'delete') await lifecycle(request);
      },
      // Last, as upstream has it: what another rule refuses is not counted.
      resourceQuota(context),
    ],
  });
}
