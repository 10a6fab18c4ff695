import type { Check } from './check.ts';
import { existsChecks } from './checks/already-exists.ts';
import { attachChecks } from './checks/attach.ts';
import { capacityChecks } from './checks/capacity.ts';
import { concurrencyChecks } from './checks/concurrency.ts';
import { contentChecks } from './checks/content.ts';
import { errorChecks } from './checks/errors.ts';
import { expandChecks } from './checks/expand.ts';
import { groupChecks } from './checks/group-snapshots.ts';
import { healthChecks } from './checks/health.ts';
import { hostileChecks } from './checks/hostile-ids.ts';
import { idempotencyChecks } from './checks/idempotency.ts';
import { identityChecks } from './checks/identity.ts';
import { limitChecks } from './checks/limits.ts';
import { metadataChecks } from './checks/metadata.ts';
import { modifyChecks } from './checks/modify.ts';
import { pagingChecks } from './checks/paging.ts';
import { publishChecks } from './checks/publish-table.ts';
import { unknownChecks } from './checks/unknown.ts';

/** Every check, in the order they run: what is asked of the driver grows harder. */
export const allChecks: readonly Check[] = [
  ...identityChecks,
  ...unknownChecks,
  ...errorChecks,
  ...limitChecks,
  ...hostileChecks,
  ...capacityChecks,
  ...existsChecks,
  ...idempotencyChecks,
  ...pagingChecks,
  ...publishChecks,
  ...expandChecks,
  ...contentChecks,
  ...attachChecks,
  ...modifyChecks,
  ...healthChecks,
  ...groupChecks,
  ...metadataChecks,
  ...concurrencyChecks,
];
