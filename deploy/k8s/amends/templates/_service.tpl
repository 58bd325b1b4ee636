{{/* Environment of a service's container: dict "root" $ "service" name "own" its values "policies" its files. */}}
{{- define "amends.environment" -}}
{{- $root := .root -}}
{{- $plain := dict
      "AMENDS_DEPLOYMENT_ID" $root.Values.deploymentId
      "AMENDS_PUBLIC_URL" $root.Values.publicUrl
      "AMENDS_KAFKA_BOOTSTRAP" $root.Values.kafka.bootstrap
      "AMENDS_TOPIC" $root.Values.kafka.topic
      "AMENDS_TOPIC_PARTITIONS" $root.Values.kafka.partitions
      "AMENDS_HTTP_HOST" $root.Values.pod.listen
      "AMENDS_HTTP_PORT" 8000
      "AMENDS_LOG_FORMAT" "json"
      "AMENDS_LOG_LEVEL" $root.Values.pod.logLevel
      "AMENDS_WORK_POOL" .own.pools.work
      "AMENDS_API_POOL" .own.pools.api
      "AMENDS_SHUTDOWN_GRACE" $root.Values.pod.shutdownSeconds
-}}
{{- if eq .service "intake" -}}
{{- $_ := set $plain "AMENDS_ESCALATION_URL" (printf "http://%s-escalation:8000" (include "amends.prefix" $root)) -}}
{{- end -}}
{{- if has .service (list "intake" "routing") -}}
{{- $_ := set $plain "AMENDS_NOTIFIER_URL" (printf "http://%s-notifier:8000" (include "amends.prefix" $root)) -}}
{{- end -}}
{{- if eq .service "routing" -}}
{{- $_ := set $plain "AMENDS_INTAKE_URL" (printf "http://%s-intake:8000" (include "amends.prefix" $root)) -}}
{{- end -}}
{{- if and (eq .service "escalation") $root.Values.pager.url -}}
{{- $_ := set $plain "AMENDS_ON_CALL_URL" $root.Values.pager.url -}}
{{- $_ := set $plain "AMENDS_ON_CALL_FORMAT" $root.Values.pager.format -}}
{{- with $root.Values.pager.networks -}}
{{- $_ := set $plain "AMENDS_ON_CALL_NETWORKS" . -}}
{{- end -}}
{{- end -}}
{{- if ne .service "routing" -}}
{{- $_ := set $plain "AMENDS_ROUTING_URL" (printf "http://%s-routing:8000" (include "amends.prefix" $root)) -}}
{{- end -}}
{{- with $root.Values.deskUrl -}}
{{- $_ := set $plain "AMENDS_DESK_URL" . -}}
{{- end -}}
{{- range $name, $value := .own.settings -}}
{{- $_ := set $plain (printf "AMENDS_%s" (upper $name)) $value -}}
{{- end -}}
{{- range $name, $path := .policies.env -}}
{{- $_ := set $plain $name $path -}}
{{- end -}}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_DATABASE_URL" "ref" (index $root.Values.database.urlRefs .service)) }}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_TOKEN_KEY" "ref" $root.Values.tokens.keyRef) }}
{{- if eq .service "intake" }}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_MAILBOXES" "ref" $root.Values.mail.mailboxesRef "optional" true) }}
{{- if $root.Values.mail.lmtp.enabled }}
{{- $_ := set $plain "AMENDS_LMTP_HOST" $root.Values.pod.listen }}
{{- $_ := set $plain "AMENDS_LMTP_PORT" 2424 }}
{{- end }}
{{- end }}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_TOKEN_KEY_BEFORE" "ref" $root.Values.tokens.keyBeforeRef "optional" true) }}
{{- if and (eq .service "escalation") $root.Values.pager.url }}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_ON_CALL_SECRET" "ref" $root.Values.pager.secretRef "optional" (eq $root.Values.pager.format "alertmanager")) }}
{{- end }}
{{- if eq .service "routing" }}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_OIDC_CLIENT_SECRET" "ref" $root.Values.oidc.clientSecretRef "optional" true) }}
{{- end }}
{{- if eq .service "notifier" }}
{{ include "amends.secretEnv" (dict "root" $root "name" "AMENDS_SMTP_URL" "ref" $root.Values.smtp.urlRef) }}
{{- end }}
{{ include "amends.kafkaEnv" (dict "root" $root) }}
{{- range $name, $value := $plain }}
- name: {{ $name }}
  value: {{ include "amends.text" $value | quote }}
{{- end }}
{{- with .own.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The pod of a service: the same arguments. */}}
{{- define "amends.pod" -}}
{{- $root := .root -}}
{{- $own := .own -}}
{{- $selector := include "amends.selector" (dict "root" $root "component" .service) -}}
serviceAccountName: {{ include "amends.prefix" $root }}-{{ .service }}
{{ include "amends.podSecurity" $root }}
{{- include "amends.pullSecrets" $root }}
{{- with $root.Values.priorityClass.name }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ $root.Values.pod.graceSeconds }}
{{- with $own.topologySpread }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ .topologyKey }}
    maxSkew: {{ .maxSkew }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
  {{- end }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .service }}
    image: {{ include "amends.image" $root }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [python, -m, services.{{ .service }}]
    env:
      {{- include "amends.environment" . | nindent 6 }}
    ports:
      - {name: http, containerPort: 8000, protocol: TCP}
      {{- if and (eq .service "intake") $root.Values.mail.lmtp.enabled }}
      - {name: lmtp, containerPort: 2424, protocol: TCP}
      {{- end }}
    {{- include "amends.containerSecurity" $root | nindent 4 }}
    resources:
      {{- toYaml $own.resources | nindent 6 }}
    startupProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 2
      failureThreshold: 60
      timeoutSeconds: 3
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 10
      failureThreshold: 3
      timeoutSeconds: 3
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 5
      failureThreshold: 2
      timeoutSeconds: 3
    {{- with $root.Values.pod.preStopSeconds }}
    lifecycle:
      preStop:
        {{- if semverCompare ">=1.30-0" $root.Capabilities.KubeVersion.Version }}
        sleep: {seconds: {{ . }}}
        {{- else }}
        exec: {command: [python, -c, "import time; time.sleep({{ . }})"]}
        {{- end }}
    {{- end }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      {{- with include "amends.kafkaMount" $root }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- if .policies.files }}
      - {name: policies, mountPath: /etc/amends, readOnly: true}
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: {{ $root.Values.pod.tmpSize }}}
  {{- with include "amends.kafkaVolume" $root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if .policies.files }}
  - name: policies
    configMap:
      name: {{ include "amends.prefix" $root }}-{{ .service }}-policies
      items:
        {{- range .policies.files }}
        - {key: {{ .key }}, path: {{ .path }}}
        {{- end }}
  {{- end }}
{{- end }}

{{/* A job that runs one `amends` command: dict "root" $ "job" name "weight" hook weight "env" YAML of variables. */}}
{{- define "amends.job" -}}
{{- $root := .root -}}
{{- $labels := include "amends.labels" (dict "root" $root "component" .job) -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "amends.jobName" . }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  {{- include "amends.hook" . | nindent 2 }}
spec:
  backoffLimit: {{ $root.Values.jobs.backoffLimit }}
  activeDeadlineSeconds: {{ $root.Values.jobs.deadlineSeconds }}
  {{- if not $root.Values.jobs.asHooks }}
  ttlSecondsAfterFinished: {{ $root.Values.jobs.keepSeconds }}
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "amends.podLabels" (dict "root" $root "component" .job) | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "amends.jobName" . }}
      {{- include "amends.podSecurity" $root | nindent 6 }}
      {{- include "amends.pullSecrets" $root | nindent 6 }}
      containers:
        - name: {{ .job }}
          image: {{ include "amends.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [amends, {{ .job }}]
          env:
            {{- .env | nindent 12 }}
          {{- include "amends.containerSecurity" $root | nindent 10 }}
          resources:
            {{- toYaml $root.Values.jobs.resources | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if and (eq .job "topics") $root.Values.kafka.tls.secret }}
            {{- include "amends.kafkaMount" $root | nindent 12 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: {{ $root.Values.pod.tmpSize }}}
        {{- if and (eq .job "topics") $root.Values.kafka.tls.secret }}
        {{- include "amends.kafkaVolume" $root | nindent 8 }}
        {{- end }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "amends.jobName" . }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  {{- include "amends.hook" (dict "root" $root "weight" "-20") | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
