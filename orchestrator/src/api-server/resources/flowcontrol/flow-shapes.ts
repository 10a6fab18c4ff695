/** The unversioned types of priority and fairness (pkg/apis/flowcontrol/types.go), as ../gen/internal-shapes.ts has others. */
export const flowShapes: Readonly<Record<string, string>> = {
  FlowSchemaSpec:
    'PriorityLevelConfiguration:priorityLevelConfiguration:o:PriorityLevelConfigurationReference MatchingPrecedence:matchingPrecedence:n DistinguisherMethod:distinguisherMethod:p:FlowDistinguisherMethod Rules:rules:l:PolicyRulesWithSubjects',
  PriorityLevelConfigurationReference: 'Name:name:s',
  FlowDistinguisherMethod: 'Type:type:s',
  PolicyRulesWithSubjects:
    'Subjects:subjects:l:FlowSubject ResourceRules:resourceRules:l:ResourcePolicyRule NonResourceRules:nonResourceRules:l:NonResourcePolicyRule',
  FlowSubject:
    'Kind:kind:s User:user:p:UserSubject Group:group:p:GroupSubject ServiceAccount:serviceAccount:p:ServiceAccountSubject',
  UserSubject: 'Name:name:s',
  GroupSubject: 'Name:name:s',
  ServiceAccountSubject: 'Namespace:namespace:s Name:name:s',
  ResourcePolicyRule:
    'Verbs:verbs:N APIGroups:apiGroups:N Resources:resources:N ClusterScope:clusterScope:b Namespaces:namespaces:N',
  NonResourcePolicyRule: 'Verbs:verbs:N NonResourceURLs:nonResourceURLs:N',
  PriorityLevelConfigurationSpec:
    'Type:type:s Limited:limited:p:LimitedPriorityLevelConfiguration Exempt:exempt:p:ExemptPriorityLevelConfiguration',
  LimitedPriorityLevelConfiguration:
    'NominalConcurrencyShares:nominalConcurrencyShares:n LimitResponse:limitResponse:o:LimitResponse LendablePercent:lendablePercent:N BorrowingLimitPercent:borrowingLimitPercent:N',
  LimitResponse: 'Type:type:s Queuing:queuing:p:QueuingConfiguration',
  QueuingConfiguration: 'Queues:queues:n HandSize:handSize:n QueueLengthLimit:queueLengthLimit:n',
  ExemptPriorityLevelConfiguration:
    'NominalConcurrencyShares:nominalConcurrencyShares:N LendablePercent:lendablePercent:N',
};
