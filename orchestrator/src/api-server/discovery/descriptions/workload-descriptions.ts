import type { Descriptions } from './descriptions.ts';

const labels = 'Which pods belong to it. It has to match the labels of the template.';
const minReady = 'How many seconds a new pod has to be ready before it counts as available.';
const history = 'How many old revisions are kept, to go back to; 10 by default.';
const template = 'What the pods are made from.';

export const workloadDescriptions: Descriptions = {
  'api.apps.v1.StatefulSet': {
    '': 'Pods with names and storage of their own, which they keep when they are made anew.',
    spec: 'How many there are to be, and what they are made from.',
    status: 'How many there are.',
  },
  'api.apps.v1.StatefulSetSpec': {
    '': 'What a StatefulSet is to be.',
    minReadySeconds: minReady,
    ordinals: 'The number of the first pod.',
    persistentVolumeClaimRetentionPolicy:
      'Whether the claims go when the set is scaled down or deleted. They stay by default.',
    podManagementPolicy: 'OrderedReady: one pod after the other; Parallel: all at once.',
    replicas: 'How many pods there are to be; 1 by default.',
    revisionHistoryLimit: history,
    selector: labels,
    serviceName: 'The headless Service that gives the pods their names in DNS.',
    template,
    updateStrategy: 'RollingUpdate: pods are made anew, the last one first; OnDelete: when they are deleted by hand.',
    volumeClaimTemplates:
      'Claims that are made for each pod: NAME-SET-NUMBER. A pod that is made anew finds its own again.',
  },
  'api.apps.v1.Deployment': {
    '': 'A number of alike pods, and how they are replaced when their template changes.',
    spec: 'How many there are to be, and what they are made from.',
    status: 'How many there are.',
  },
  'api.apps.v1.DeploymentSpec': {
    '': 'What a Deployment is to be.',
    minReadySeconds: minReady,
    paused: 'Whether changes of the template wait.',
    progressDeadlineSeconds: 'How many seconds a rollout may stand still before it counts as failed.',
    replicas: 'How many pods there are to be; 1 by default.',
    revisionHistoryLimit: history,
    selector: `${labels} It cannot be changed.`,
    strategy: 'How old pods are replaced by new ones.',
    template,
  },
  'api.apps.v1.DeploymentStrategy': {
    '': 'A way to replace pods.',
    rollingUpdate: 'How many may be missing (maxUnavailable) and too many (maxSurge) meanwhile.',
    type: 'RollingUpdate, or Recreate: all old ones go first.',
  },
  'api.apps.v1.DaemonSet': {
    '': 'One pod on each node, or on those that are selected.',
    spec: 'What runs, and where.',
  },
  'api.apps.v1.ReplicaSet': {
    '': 'A number of alike pods. Mostly made by a Deployment.',
    spec: 'How many, and what they are made from.',
  },
  'api.batch.v1.Job': {
    '': 'Pods that run until a number of them have succeeded.',
    spec: 'What runs, and how often it may fail.',
  },
  'api.batch.v1.JobSpec': {
    '': 'What a Job is to do.',
    activeDeadlineSeconds: 'How many seconds it may take in all.',
    backoffLimit: 'How many failures it bears; 6 by default.',
    completionMode: 'NonIndexed, or Indexed: each pod has a number of its own.',
    completions: 'How many pods have to succeed.',
    parallelism: 'How many pods may run at once.',
    suspend: 'Whether it stands still.',
    template: 'What the pods are made from. Their restartPolicy is Never or OnFailure.',
    ttlSecondsAfterFinished: 'How many seconds after its end it is removed.',
  },
  'api.batch.v1.CronJob': { '': 'Makes Jobs at times.', spec: 'When, and what.' },
  'api.batch.v1.CronJobSpec': {
    '': 'When Jobs are made, and which.',
    concurrencyPolicy: 'Allow, Forbid (skip while one runs) or Replace.',
    failedJobsHistoryLimit: 'How many failed Jobs are kept; 1 by default.',
    jobTemplate: 'The Jobs that are made.',
    schedule: 'The times, as cron has them: minute, hour, day, month, day of the week.',
    startingDeadlineSeconds: 'How late a Job may still be started.',
    successfulJobsHistoryLimit: 'How many Jobs that succeeded are kept; 3 by default.',
    suspend: 'Whether none are made.',
    timeZone: "The time zone of the schedule; the server's, if it is not set.",
  },
  'api.core.v1.PodTemplateSpec': {
    '': 'What pods are made from.',
    metadata: 'Labels and annotations of the pods.',
    spec: 'What the pods are to be.',
  },
  'api.core.v1.Node': {
    '': 'A machine that pods run on.',
    spec: 'How it is used.',
    status: 'What it is and how it is.',
  },
  'api.core.v1.NodeSpec': {
    '': 'How a node is used.',
    podCIDR: 'The addresses of its pods.',
    providerID: 'Its id at whoever provides it.',
    taints: 'What keeps pods away that do not tolerate it.',
    unschedulable: 'Whether no new pods come here (`kubectl cordon`).',
  },
  'api.core.v1.Namespace': {
    '': 'A space for names: objects of different ones do not meet. Deleting it deletes what is in it.',
  },
  'api.core.v1.Event': {
    '': 'Something that happened to an object. Kept for a while.',
    count: 'How often it happened.',
    firstTimestamp: 'When it happened first.',
    involvedObject: 'What it happened to.',
    lastTimestamp: 'When it happened last.',
    message: 'What happened, for people.',
    reason: 'What happened, in a word.',
    type: 'Normal or Warning.',
  },
};
