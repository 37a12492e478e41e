//! The command half of a session: from `connect` over `publish` to the end.
//! Reference: Adobe RTMP specification 1.0, sections 7.2.1 and 7.2.2.

use rtmp_rs::protocol::constants as wire;
use rtmp_rs::protocol::message::ConnectParams;

use super::error::MAX_STREAMS;
use super::{Connected, Phase, Session, SessionError, Step};
use crate::rtmp::command::{Command, Request};
use crate::rtmp::name;

/// Longest `encoder` text, in characters.
const MAX_ENCODER: usize = 128;

impl Session {
    pub(super) fn command(&mut self, stream_id: u32, command: Command) -> Result<Option<Step>, SessionError> {
        let Command { name, transaction, request } = command;
        match request {
            Request::Connect(connect) => self.connect(transaction, *connect)?,
            Request::CreateStream => {
                self.require_connected(&name)?;
                self.streams += 1;
                if self.streams > MAX_STREAMS {
                    return Err(SessionError::TooManyStreams);
                }
                self.replies.result(transaction, Some(self.streams));
            }
            Request::Publish { stream_name } => return self.publish(stream_id, &stream_name).map(Some),
            Request::Courtesy => {
                self.replies.result(transaction, None);
                if name == wire::CMD_FC_PUBLISH {
                    self.replies.notify(wire::CMD_ON_FC_PUBLISH);
                }
            }
            Request::Unpublish => return Ok(self.unpublish(transaction, &name)),
            Request::Play => {
                let text = "This server only takes contributions: play from the channel's playback URL.";
                self.replies.status(stream_id, "error", wire::NS_PLAY_STREAM_NOT_FOUND, text);
                self.phase = Phase::Over;
                return Ok(Some(Step::Closed));
            }
            Request::Answer => {}
            Request::Unknown => self.replies.call_failed(transaction),
        }
        Ok(None)
    }

    fn connect(&mut self, transaction: f64, connect: ConnectParams) -> Result<(), SessionError> {
        if !matches!(self.phase, Phase::Greeted) {
            return Err(SessionError::Repeated("connect"));
        }
        self.replies.connected(transaction, &connect);
        self.encoder = connect.flash_ver.as_deref().and_then(printable);
        self.phase = Phase::Connected(Box::new(Connected { app: connect.app, tc_url: connect.tc_url }));
        Ok(())
    }

    fn publish(&mut self, stream_id: u32, stream_name: &str) -> Result<Step, SessionError> {
        match &self.phase {
            Phase::Connected(connected) => {
                let name = name::resolve(&connected.app, connected.tc_url.as_deref(), stream_name);
                self.phase = Phase::Asking { stream_id };
                Ok(Step::Publish(name))
            }
            Phase::Handshake(_) | Phase::Greeted => Err(SessionError::NotConnected("publish".to_owned())),
            Phase::Asking { .. } | Phase::Publishing { .. } | Phase::Over => {
                Err(SessionError::Repeated("publish"))
            }
        }
    }

    fn unpublish(&mut self, transaction: f64, name: &str) -> Option<Step> {
        if name == wire::CMD_FC_UNPUBLISH {
            self.replies.result(transaction, None);
            self.replies.notify(wire::CMD_ON_FC_UNPUBLISH);
        }
        match self.phase {
            Phase::Publishing { .. } => {
                self.say_goodbye("Publish ended.");
                Some(Step::Unpublished)
            }
            // FMLE releases a name before it publishes.
            Phase::Handshake(_)
            | Phase::Greeted
            | Phase::Connected(_)
            | Phase::Asking { .. }
            | Phase::Over => None,
        }
    }

    fn require_connected(&self, name: &str) -> Result<(), SessionError> {
        match self.phase {
            Phase::Handshake(_) | Phase::Greeted => Err(SessionError::NotConnected(name.to_owned())),
            Phase::Connected(_) | Phase::Asking { .. } | Phase::Publishing { .. } | Phase::Over => Ok(()),
        }
    }
}

/// Text of a stranger, fit for logs and records.
fn printable(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_ENCODER).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}
