//! What is made from the API's description, against a real API: its page, the Postman collection, requests
//! that a machine makes up.

mod postman;
mod reference;
mod schemathesis;
