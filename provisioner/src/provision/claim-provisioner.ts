import { messageOf, TerminalError } from '@berth/kit';
import {
  type CSINode,
  copyJson,
  type EventRecorder,
  type Informer,
  isConflict,
  isNotFound,
  type KubeClient,
  type Node,
  type PersistentVolumeClaim,
  resources,
} from '@berth/kube';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { selectedNode } from '../object-names.ts';
import type { ProvisionerSettings } from '../provisioner-settings.ts';
import { attributesOf } from './attributes-class.ts';
import type { CallJournal, OpenCall } from './call-journal.ts';
import { type ClaimView, classNameOf, nodeSelectedFor } from './claim-view.ts';
import { driverParameters } from './class-parameters.ts';
import { clonedVolume } from './clone-source.ts';
import { contentSource } from './content-source.ts';
import { type CreatePlan, createPlan, volumeNameFor } from './create-plan.ts';
import type { ClassFacts, NodeShare } from './node-share.ts';
import { ProvisionError } from './outcome.ts';
import type { ProvisionStats } from './provision-stats.ts';
import type { VolumeMaker } from './volume-maker.ts';

export interface ClaimProvisionerOptions {
  readonly client: KubeClient;
  readonly view: ClaimView;
  readonly nodes: Informer<Node> | undefined;
  readonly csiNodes: Informer<CSINode> | undefined;
  readonly driver: ConnectedDriver;
  readonly settings: ProvisionerSettings;
  readonly events: EventRecorder;
  readonly journal: CallJournal;
  readonly maker: VolumeMaker;
  readonly stats: ProvisionStats;
  /** Where several provisioners share the claims: decides which are ours. */
  readonly share: NodeShare | undefined;
}

type Again = undefined | { afterMs: number };

/** Provisions volumes for claims; keys are claim UIDs, since a call under way outlives its claim (sig-storage-lib controller.go). */
export class ClaimProvisioner {
  readonly #options: ClaimProvisionerOptions;
  /** Claims whose volume was saved and that are not bound yet: nothing more to do for them. */
  readonly #saved = new Set<string>();

  constructor(options: ClaimProvisionerOptions) {
    this.#options = options;
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Again> {
    const { view, maker, share } = this.#options;
    const claim = view.find(uid);
    const open = await this.#stillOpen(uid, signal);
    if (!claim || claim.spec?.volumeName) {
      this.#saved.delete(uid);
      share?.forget(uid);
      // Nobody wants the volume any more, but the driver may have made it.
      if (open) await maker.abandon(uid, open, signal);
      return;
    }
    if (!open && (!view.wantsVolume(claim) || this.#isProvisioned(claim))) return;
    if (!open && this.#isElsewhere(claim)) return;
    if (share && !open) {
      const verdict = await share.decide(claim, this.#classFacts(claim), signal);
      if (verdict !== 'ours') {
        if (verdict?.problem !== undefined) this.#tellFailure(claim, verdict.problem);
        return verdict;
      }
    }
    return this.#attempt(claim, signal);
  }

  /** Once a PersistentVolume holds the volume, only the way of every PersistentVolume may end it. */
  async #stillOpen(uid: string, signal: AbortSignal): Promise<OpenCall | undefined> {
    const { journal, client, view } = this.#options;
    const open = journal.get(uid);
    if (!open) return undefined;
    const { volumeName: name } = open.plan;
    const held = view.volumes.get(name) ?? (await client.find(resources.persistentvolumes, { name }, signal));
    if (!held) return open;
    journal.forget(uid);
    return undefined;
  }

  #isProvisioned(claim: PersistentVolumeClaim): boolean {
    const { view, settings } = this.#options;
    return this.#saved.has(claim.metadata.uid ?? '') || view.volumes.get(volumeNameFor(claim, settings)) !== undefined;
  }

  #classFacts(claim: PersistentVolumeClaim): ClassFacts {
    const { parameters, allowedTopologies } = this.#options.view.classes.get(classNameOf(claim)) ?? {};
    try {
      return { parameters: driverParameters(parameters), allowedTopologies };
    } catch {
      // What is wrong with the class is said when the volume is planned.
      return { parameters: undefined, allowedTopologies };
    }
  }

  async #attempt(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<Again> {
    const { events, stats, maker } = this.#options;
    const className = classNameOf(claim);
    const timer = stats.start(className);
    try {
      const message = `External provisioner is provisioning volume for claim "${claim.metadata.namespace}/${claim.metadata.name}"`;
      events.event(claim, 'Normal', 'Provisioning', message);
      const plan = await this.#plan(claim, signal);
      const volume = await maker.make(plan, signal);
      this.#saved.add(claim.metadata.uid ?? '');
      timer.succeeded();
      const name = volume.metadata.name;
      events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${name}`);
      return;
    } catch (error) {
      if (signal.aborted || isConflict(error)) throw error;
      if (error instanceof ProvisionError && error.code === 'Ignored') {
        events.event(claim, 'Normal', 'Provisioning', error.message);
        return;
      }
      timer.failed();
      return this.#afterFailure(claim, error, signal);
    }
  }

  async #plan(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<CreatePlan> {
    const { journal, view, driver, settings, client, nodes, csiNodes } = this.#options;
    // A call that may still run is repeated as it was: other parameters could make a second volume.
    const open = journal.get(claim.metadata.uid ?? '');
    if (open) return open.plan;
    const className = classNameOf(claim);
    const storageClass = view.classes.get(className);
    if (!storageClass) {
      throw new ProvisionError('NotStarted', `storageclass.storage.k8s.io "${className}" not found`, {
        infeasible: true,
      });
    }
    if (storageClass.provisioner !== driver.name) {
      throw new TerminalError(`class "${className}" is of provisioner ${storageClass.provisioner}, not ${driver.name}`);
    }
    const cluster = { nodes: (name: string) => nodes?.get(name), csiNodes: csiNodes?.list() ?? [] };
    const node = await this.#selectedNode(claim, signal);
    const attributes = await attributesOf(claim, { client, driver }, signal);
    const content = await contentSource(claim, { client, view, driver, nodeName: settings.nodeName }, signal);
    const facts = { claim, storageClass, selectedNode: node, content, attributes, cluster };
    return createPlan({ ...facts, driver, settings, client });
  }

  /** A clone is made where its source is: only that driver has it. */
  #isElsewhere(claim: PersistentVolumeClaim): boolean {
    const { share, view } = this.#options;
    const source = clonedVolume(claim, view);
    return share !== undefined && source !== undefined && !share.owns(source);
  }

  async #selectedNode(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<Node | undefined> {
    const { nodes, client } = this.#options;
    const name = nodeSelectedFor(claim);
    if (name === undefined || !nodes) return undefined;
    try {
      return nodes.get(name) ?? (await client.get(resources.nodes, { name }, signal));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new ProvisionError('Reschedule', `failed to get target node: ${messageOf(error)}`, { cause: error });
    }
  }

  async #afterFailure(claim: PersistentVolumeClaim, error: unknown, signal: AbortSignal): Promise<Again> {
    const { settings } = this.#options;
    if (error instanceof TerminalError) throw error;
    this.#tellFailure(claim, messageOf(error));
    if (error instanceof ProvisionError && error.code === 'Reschedule') return this.#reschedule(claim, signal);
    if (error instanceof ProvisionError && error.infeasible) return { afterMs: settings.retryIntervalMaxMs };
    throw error;
  }

  #tellFailure(claim: PersistentVolumeClaim, problem: string): void {
    const message = `failed to provision volume with StorageClass "${classNameOf(claim)}": ${problem}`;
    this.#options.events.event(claim, 'Warning', 'ProvisioningFailed', message);
  }

  /** Lets the scheduler, or another node's provisioner, choose anew. */
  async #reschedule(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<Again> {
    const { client, share } = this.#options;
    share?.yield(claim.metadata.uid ?? '');
    const next = copyJson(claim);
    delete next.metadata.annotations?.[selectedNode];
    await client.update(resources.persistentvolumeclaims, next, {}, signal);
    return;
  }
}
