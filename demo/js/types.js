/**
 * The JSON that the API speaks, as the console reads it. Types only: nothing here runs.
 *
 * Every field but `Id` is treated as possibly missing: a console that breaks over an absent figure is of no use at night.
 */

/**
 * @typedef {"pending"|"assigned"|"listening"|"streaming"|"interrupted"|"stopping"|"finishing"|"backoff"|"stopped"|"failed"|"deleting"} Phase
 */

/**
 * @typedef {object} Statistics Figures of the current run, as last reported by its worker; zero or empty where nothing was measured yet.
 * @property {number} [Ingress_kbps]
 * @property {number} [Video_fps]
 * @property {number} [Video_width]
 * @property {number} [Video_height]
 * @property {string} [Video_codec]
 * @property {string} [Audio_codec]
 * @property {number} [Key_frame_interval_seconds]
 * @property {number} [Bytes_ingested]
 * @property {number} [Up_seconds]
 * @property {number} [Active_seconds]
 * @property {number} [Publisher_disconnects]
 * @property {number} [Clock_drift_seconds]
 * @property {number} [Cpu_cores] transcoder, ffmpeg and packager together
 * @property {number} [Encode_speed]
 * @property {number} [Dropped_frames]
 * @property {number} [Duplicated_frames]
 * @property {number} [Upload_backlog]
 * @property {number} [Given_up_segments]
 * @property {number} [Store_failures]
 * @property {number} [Newest_segment_age_seconds]
 * @property {number} [Publish_latency_seconds] from a segment's last frame until the playlists named it
 */

/**
 * @typedef {object} VideoOutput
 * @property {string} [Label]
 * @property {string} [Codec]
 * @property {number} [Framerate]
 * @property {number} [Width]
 * @property {number} [Height]
 * @property {string} [Bitrate]
 */

/**
 * @typedef {object} Output
 * @property {string} [Stream_type]
 * @property {number} [Segment_duration]
 * @property {number} [Fragment_duration]
 * @property {boolean|number} [Low_latency_mode]
 * @property {number} [Time_shift_buffer_depth]
 * @property {object} [Drm]
 * @property {{Bucket?: string}} [S3_output]
 * @property {VideoOutput[]|null} [Video_outputs]
 * @property {{Label?: string, Codec?: string, Bitrate?: string}[]|null} [Audio_outputs]
 */

/**
 * @typedef {object} LiveJob A channel. Lists mask `StreamKey` and `RtmpIngestUrl`; get-one shows them.
 * @property {string} Id
 * @property {"created"|"running"|"streaming"|"stopped"} [State]
 * @property {Phase} [Phase]
 * @property {string} [Reason]
 * @property {string|null} [Fault] who has to act in this phase
 * @property {string} [Playback_url]
 * @property {{hls?: string, dash?: string}} [Playback_urls]
 * @property {string} [RtmpIngestUrl] Empty until a worker listens.
 * @property {string} [StreamKey]
 * @property {{Output?: Output}} [Spec]
 * @property {string} [Job_validation_warnings]
 * @property {string} [Time_created]
 * @property {number} [Total_bytes_ingested] Over all runs.
 * @property {boolean} [Delete] It is being deleted.
 * @property {string} [Assigned_worker_id]
 * @property {number} [Epoch]
 * @property {number} [Restarts]
 * @property {{fault?: string, reason?: string, at?: string}|null} [Failure]
 * @property {Statistics|null} [Statistics]
 */

/**
 * @typedef {object} Fault One broken rule of a job specification.
 * @property {string} pointer RFC 6901 JSON pointer into the request.
 * @property {string} detail
 */

/**
 * @typedef {object} JobEvent One entry of a channel's history.
 * @property {string} [at]
 * @property {string} [phase] That was entered.
 * @property {string} [reason]
 * @property {string|null} [fault] Who has to act.
 */

/**
 * @typedef {object} ConsoleSettings Served at /console.json.
 * @property {string} bucket
 * @property {string} version
 * @property {{drm: boolean, events: boolean}} features
 */

export {};
