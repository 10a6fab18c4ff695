import type { Descriptions } from './descriptions.ts';

export const networkDescriptions: Descriptions = {
  'api.core.v1.Service': {
    '': 'A name, and mostly an address, for a set of pods.',
    spec: 'Which pods, and on which ports.',
    status: 'What a load balancer has given it.',
  },
  'api.core.v1.ServiceSpec': {
    '': 'Which pods a Service is, and how it is reached.',
    clusterIP: 'Its address in the cluster. None makes it headless: its name leads to the pods themselves.',
    clusterIPs: 'Its addresses, at most one of each family.',
    externalIPs: 'Addresses from outside that lead to it where nodes take them in.',
    externalName: 'The name that an ExternalName Service stands for.',
    externalTrafficPolicy:
      'Cluster, or Local: only pods of the node that was asked, whose callers keep their addresses.',
    internalTrafficPolicy: 'Cluster, or Local: only pods of the same node.',
    ipFamilies: 'IPv4, IPv6 or both.',
    ipFamilyPolicy: 'SingleStack, PreferDualStack or RequireDualStack.',
    loadBalancerClass: 'Who is to give it a load balancer.',
    ports: 'The ports it is reached by.',
    publishNotReadyAddresses: 'Whether pods that are not ready count.',
    selector: 'Labels of its pods. Without any, its endpoints are made by hand.',
    sessionAffinity: 'ClientIP keeps a caller with one pod; None by default.',
    type: 'ClusterIP, NodePort, LoadBalancer or ExternalName.',
  },
  'api.core.v1.ServicePort': {
    '': 'A port of a Service.',
    appProtocol: 'What is spoken there, such as kubernetes.io/h2c.',
    name: 'Its name; needed where there are several.',
    nodePort: 'The port of every node that leads to it, of NodePort and LoadBalancer.',
    port: 'The number.',
    protocol: 'TCP, UDP or SCTP.',
    targetPort: 'The port of the pods, as a number or by its name; the same number by default.',
  },
  'api.networking.v1.Ingress': {
    '': 'Rules by which HTTP requests from outside come to Services.',
    spec: 'The rules.',
  },
  'api.networking.v1.IngressSpec': {
    '': 'Rules for HTTP requests from outside.',
    defaultBackend: 'Where requests go that no rule is for.',
    ingressClassName: 'The IngressClass, and so the controller, that it is for.',
    rules: 'Hosts and paths, and where they lead.',
    tls: 'Secrets with the certificates of hosts.',
  },
  'api.networking.v1.NetworkPolicy': {
    '': 'Who may talk to some pods, and to whom these may talk.',
    spec: 'The rules.',
  },
  'api.networking.v1.NetworkPolicySpec': {
    '': 'Rules for what pods send and get.',
    egress: 'What they may send. None: nothing.',
    ingress: 'What they may get. None: nothing.',
    podSelector: 'The pods it is about; empty: all of the namespace.',
    policyTypes: 'Ingress, Egress or both.',
  },
};
